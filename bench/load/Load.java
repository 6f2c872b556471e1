// Calls some thirty deep, on and on.
public class Load {
  static long work(int depth) {
    if (depth > 0) return work(depth - 1) + 1;
    long sum = 0;
    for (int i = 0; i < 20000; i++) sum += (long) i * i;
    return sum;
  }

  public static void main(String[] arguments) throws Exception {
    long sum = 0;
    while (true) {
      for (int i = 0; i < 50; i++) sum += work(30);
      Thread.sleep(1);
      if (sum == 42) System.out.println(sum);
    }
  }
}
