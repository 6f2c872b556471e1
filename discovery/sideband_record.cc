#include <linux/perf_event.h>

#include "base/byte_reader.h"
#include "discovery/sideband.h"

namespace stoker::discovery {
namespace {

// sample_id with PERF_SAMPLE_TIME alone.
constexpr std::size_t kSampleId = sizeof(std::uint64_t);

// 0 and -1: not in our PID namespace, or no longer in any.
bool is_pid(pid_t pid) {
  return pid > 0;
}

bool parse_mmap2(ByteReader& body, bool has_build_id, SidebandEvent& event) {
  MapEvent map;
  map.pid = body.i32();
  map.tid = body.i32();
  map.start = {body.u64()};
  const std::uint64_t length = body.u64();
  map.end = {map.start.value + length};
  map.offset = {body.u64()};
  if (has_build_id) {
    map.file.build_id_size = body.u8();
    body.skip(3);
    const ByteView id = body.take(FileKey::kMostBuildId);
    if (map.file.build_id_size > id.size()) {
      return false;
    }
    std::ranges::copy(id.first(map.file.build_id_size), map.file.build_id.begin());
  } else {
    map.file.major = body.u32();
    map.file.minor = body.u32();
    map.file.inode = body.u64();
    map.file.generation = body.u64();
  }
  body.u32();  // prot: executable, as no mmap_data was asked for
  body.u32();  // flags
  map.path = body.cstr();
  if (!body.ok() || !is_pid(map.pid) || map.end <= map.start) {
    return false;
  }
  event.what = std::move(map);
  return true;
}

bool parse_comm(ByteReader& body, bool exec, SidebandEvent& event) {
  CommEvent comm;
  comm.pid = body.i32();
  comm.tid = body.i32();
  comm.exec = exec;
  comm.comm = body.cstr();
  if (!body.ok() || !is_pid(comm.pid)) {
    return false;
  }
  event.what = std::move(comm);
  return true;
}

bool parse_task(ByteReader& body, bool fork, SidebandEvent& event) {
  const pid_t pid = body.i32();
  const pid_t parent = body.i32();
  const pid_t tid = body.i32();
  if (!body.ok() || !is_pid(pid)) {
    return false;
  }
  if (fork) {
    event.what = ForkEvent{.pid = pid, .tid = tid, .parent = parent};
  } else {
    event.what = ExitEvent{.pid = pid, .tid = tid};
  }
  return true;
}

bool parse_kernel_code(ByteReader& body, SidebandEvent& event) {
  KernelCodeEvent code;
  code.address = body.u64();
  code.size = body.u32();
  const std::uint16_t type = body.u16();
  const std::uint16_t flags = body.u16();
  code.name = body.cstr();
  // Trampolines (PERF_RECORD_KSYMBOL_TYPE_OOL) come and go with every probe.
  if (!body.ok() || type != PERF_RECORD_KSYMBOL_TYPE_BPF ||
      (flags & PERF_RECORD_KSYMBOL_FLAGS_UNREGISTER) != 0) {
    return false;
  }
  event.what = std::move(code);
  return true;
}

}  // namespace

bool parse_record(ByteView record, SidebandEvent& event) {
  ByteReader header(record);
  const std::uint32_t type = header.u32();
  const std::uint16_t misc = header.u16();
  const std::uint16_t size = header.u16();
  if (!header.ok() || size > record.size() || size < header.position() + kSampleId) {
    return false;
  }
  const std::size_t body_size = size - header.position() - kSampleId;
  ByteReader body(record.subspan(header.position(), body_size));
  event.time = {ByteReader(record.subspan(size - kSampleId)).u64()};
  switch (type) {
    case PERF_RECORD_MMAP2:
      return parse_mmap2(body, (misc & PERF_RECORD_MISC_MMAP_BUILD_ID) != 0, event);
    case PERF_RECORD_COMM:
      return parse_comm(body, (misc & PERF_RECORD_MISC_COMM_EXEC) != 0, event);
    case PERF_RECORD_FORK:
      return parse_task(body, true, event);
    case PERF_RECORD_EXIT:
      return parse_task(body, false, event);
    case PERF_RECORD_LOST: {
      body.u64();  // the event's id
      event.what = LostEvent{body.u64()};
      return body.ok();
    }
    case PERF_RECORD_KSYMBOL:
      return parse_kernel_code(body, event);
    default:
      return false;
  }
}

}  // namespace stoker::discovery
