/* Calls of a library through lazily bound stubs, each for the first time. */
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

__attribute__((noipa)) static int first_calls(char *text) {
  return (int)strlen(text) + atoi(text) + (int)time(0) + (int)getppid();
}

int main(int argc, char **argv) {
  (void)argc;
  return first_calls(argv[0]);
}
