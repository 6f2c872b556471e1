// Calls some thirty deep, on and on.
function work(depth) {
  if (depth > 0) return work(depth - 1) + 1;
  let sum = 0;
  for (let i = 0; i < 20000; i++) sum += i * i;
  return sum;
}
(function loop() {
  for (let i = 0; i < 50; i++) work(30);
  setTimeout(loop, 1);
})();
