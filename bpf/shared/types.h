/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/* Fixed-width names that mean the same to the BPF compiler, to host C and to C++. */
#ifndef STOKER_BPF_SHARED_TYPES_H
#define STOKER_BPF_SHARED_TYPES_H

#ifdef __bpf__
#include "vmlinux.h"
#else
#include <stdint.h>
typedef uint8_t u8;
typedef uint16_t u16;
typedef uint32_t u32;
typedef uint64_t u64;
typedef int8_t s8;
typedef int16_t s16;
typedef int32_t s32;
typedef int64_t s64;
#endif

#ifdef __cplusplus
#define STOKER_ASSERT(condition, text) static_assert(condition, text)
#else
#define STOKER_ASSERT(condition, text) _Static_assert(condition, text)
#endif

#endif
