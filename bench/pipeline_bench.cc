// What a sample costs user space once its stack is known: from the batch that the ring thread hands over to the count
// in the window. CPU time of the whole process, which does nothing else meanwhile. Needs root, for the maps that the
// pipeline writes for the kernel.
#include <benchmark/benchmark.h>
#include <unistd.h>

#include <chrono>
#include <cstring>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "agent/pipeline.h"
#include "agent/sampler.h"
#include "base/clock.h"

namespace {

using namespace stoker;
using namespace stoker::agent;

constexpr std::uint32_t kStacks = 500;
constexpr std::uint32_t kSamples = 20'000;  // in an iteration

// A sample of this process: the stack's hash alone, or with frames in the program's own code.
void append(Batch& batch, std::uint32_t stack, std::uint32_t frames) {
  sample_record record{};
  record.time_ns = monotonic_now().ns;
  record.stack_hash = 0x1000 + stack;
  record.address_space = 1;
  record.pid = record.tid = static_cast<std::uint32_t>(::getpid());
  record.user_frames = static_cast<std::uint16_t>(frames);
  record.flags = frames != 0 ? SAMPLE_HAS_STACK : 0;
  std::strcpy(record.comm, "pipeline_bench");
  const auto* const begin = reinterpret_cast<const std::byte*>(&record);
  batch.bytes.insert(batch.bytes.end(), begin, begin + sizeof(record));
  for (std::uint32_t i = 0; i < frames; ++i) {
    const std::uint64_t address = reinterpret_cast<std::uint64_t>(&append) + 64 * stack + i;
    const auto* const word = reinterpret_cast<const std::byte*>(&address);
    batch.bytes.insert(batch.bytes.end(), word, word + sizeof(address));
  }
  batch.sizes.push_back(static_cast<std::uint32_t>(sizeof(record) + frames * sizeof(std::uint64_t)));
}

Batch repeated(std::uint32_t samples) {
  Batch batch;
  for (std::uint32_t i = 0; i < samples; ++i) {
    append(batch, i % kStacks, 0);
  }
  batch.complete = {monotonic_now().ns + 1};
  return batch;
}

// range(0): samples a batch. 20 is a tenth of a second of two busy CPUs at the default rate.
void repeated_stack(benchmark::State& state) {
  auto sampler = Sampler::load({});
  if (!sampler) {
    state.SkipWithError(sampler.error().message().c_str());
    return;
  }
  const auto per_batch = static_cast<std::uint32_t>(state.range(0));
  BatchQueue queue(kSamples, std::size_t{64} << 20);
  StatCounters stats;
  Pipeline pipeline(**sampler, queue, stats, {}, 1 << 20);
  pipeline.start();
  std::uint64_t expected = 0;
  const auto run = [&](Batch&& batch) {
    expected += batch.sizes.size();
    queue.push(std::move(batch));
  };
  const auto wait = [&] {
    while (pipeline.progress().samples < expected) {
      std::this_thread::sleep_for(std::chrono::milliseconds{1});
    }
  };
  Batch first;
  for (std::uint32_t stack = 0; stack < kStacks; ++stack) {
    append(first, stack, 30);
  }
  first.complete = {monotonic_now().ns + 1};
  run(std::move(first));
  wait();
  for (auto _ : state) {
    state.PauseTiming();
    std::vector<Batch> batches;
    for (std::uint32_t done = 0; done < kSamples; done += per_batch) {
      batches.push_back(repeated(per_batch));
    }
    state.ResumeTiming();
    for (Batch& batch : batches) {
      run(std::move(batch));
    }
    wait();
  }
  queue.close();
  pipeline.finish();
  state.counters["a sample"] = benchmark::Counter(static_cast<double>(state.iterations()) * kSamples,
                                                  benchmark::Counter::kIsRate | benchmark::Counter::kInvert);
}
BENCHMARK(repeated_stack)->Arg(20)->Arg(1000)->MeasureProcessCPUTime()->Unit(benchmark::kMillisecond);

}  // namespace

BENCHMARK_MAIN();
