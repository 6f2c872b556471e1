# Libraries we use, warnings, sanitizers, and the functions that make every library and unit test from a
# folder's files.

find_package(Threads REQUIRED)
find_package(PkgConfig REQUIRED)
set(ZLIB_USE_STATIC_LIBS ON)
set(Protobuf_USE_STATIC_LIBS ON)
find_package(ZLIB REQUIRED)
find_package(fmt REQUIRED)
find_package(spdlog REQUIRED GLOBAL)
find_package(Protobuf REQUIRED)

# stoker_import(NAME MODULE ARCHIVE…): PkgConfig::NAME for a pkg-config module, linked from its archives where the
# distribution ships them: the agent then starts without a dozen shared libraries and runs on hosts that lack them.
function(stoker_import name module)
  pkg_check_modules(${name} REQUIRED IMPORTED_TARGET GLOBAL ${module})
  set(archives)
  foreach(archive ${ARGN})
    find_library(STOKER_ARCHIVE_${archive} NAMES lib${archive}.a)
    if(NOT STOKER_ARCHIVE_${archive})
      message(STATUS "lib${archive}.a is not there: ${name} is linked as a shared library")
      return()
    endif()
    list(APPEND archives ${STOKER_ARCHIVE_${archive}})
  endforeach()
  set_property(TARGET PkgConfig::${name} PROPERTY INTERFACE_LINK_LIBRARIES ${archives} Threads::Threads)
endfunction()
stoker_import(zstd libzstd zstd)
stoker_import(lzma liblzma lzma)
stoker_import(xxhash libxxhash xxhash)
stoker_import(re2 re2 re2)
stoker_import(yaml yaml-cpp yaml-cpp)
stoker_import(libbpf libbpf bpf elf z)
stoker_import(openssl openssl ssl crypto)

# Builds only the headers that generators write, which is all that lint needs.
add_custom_target(generated)

set(STOKER_SANITIZE "" CACHE STRING "Value of -fsanitize=, empty for none")

# Generated and third-party sources follow other people's rules: they take these options without our warnings.
add_library(stoker_options INTERFACE)
target_include_directories(stoker_options INTERFACE ${CMAKE_SOURCE_DIR} ${CMAKE_BINARY_DIR}/generated)
target_compile_options(stoker_options INTERFACE
  -fno-omit-frame-pointer $<$<NOT:$<CONFIG:Debug>>:-O2> -ffile-prefix-map=${CMAKE_SOURCE_DIR}/=)
target_link_options(stoker_options INTERFACE -fuse-ld=lld)
add_library(stoker_warnings INTERFACE)
target_compile_options(stoker_warnings INTERFACE -Wall -Wextra -Werror -Wshadow -Wno-missing-field-initializers
  -Wno-deprecated-declarations) # libstdc++ 12 deprecates what its own stable_sort uses
if(STOKER_SANITIZE)
  target_compile_options(stoker_options INTERFACE -fsanitize=${STOKER_SANITIZE} -fno-sanitize-recover=undefined)
  target_link_options(stoker_options INTERFACE -fsanitize=${STOKER_SANITIZE})
else()
  target_link_options(stoker_options INTERFACE -static-libstdc++ -static-libgcc)
endif()

# Half of what an unoptimized compilation takes goes into the headers of the standard library and of GoogleTest. The
# sanitizers' builds read them ready-made; the release build, which reads them as they stand, finds a file that forgot an
# include.
function(stoker_precompiled name)
  if(NOT EXISTS ${CMAKE_BINARY_DIR}/${name}.cc)
    file(WRITE ${CMAKE_BINARY_DIR}/${name}.cc "")
  endif()
  add_library(${name} OBJECT ${CMAKE_BINARY_DIR}/${name}.cc)
  target_link_libraries(${name} PRIVATE stoker_options)
  target_precompile_headers(${name} PRIVATE
    <algorithm> <array> <atomic> <chrono> <cstdint> <cstring> <expected> <filesystem> <functional> <map> <memory> <mutex>
    <optional> <ranges> <span> <string> <string_view> <thread> <unordered_map> <utility> <variant> <vector> ${ARGN})
endfunction()
if(STOKER_SANITIZE)
  # Some libraries' own options; here for all, so that one header serves all.
  target_compile_options(stoker_options INTERFACE -pthread)
  stoker_precompiled(stoker_precompiled_std)
endif()
# stoker_precompile(TARGET std|test)
function(stoker_precompile target headers)
  if(STOKER_SANITIZE)
    target_precompile_headers(${target} REUSE_FROM stoker_precompiled_${headers})
  endif()
endfunction()

# stoker_library(NAME LINK …): library stoker_NAME from NAME/**/*.cc. A new file needs no entry anywhere.
function(stoker_library name)
  cmake_parse_arguments(ARG "" "" "LINK" ${ARGN})
  file(GLOB_RECURSE sources CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/${name}/*.cc)
  if(sources)
    add_library(stoker_${name} STATIC ${sources})
    stoker_precompile(stoker_${name} std)
    target_link_libraries(stoker_${name} PUBLIC stoker_options PRIVATE stoker_warnings ${ARG_LINK})
  else()
    add_library(stoker_${name} INTERFACE)
    list(REMOVE_ITEM ARG_LINK PUBLIC PRIVATE)
    target_link_libraries(stoker_${name} INTERFACE stoker_options ${ARG_LINK})
  endif()
endfunction()

# stoker_protos(FOLDER): for each FOLDER/NAME.proto a library stoker_NAME_proto, its header generated/NAME.pb.h.
function(stoker_protos folder)
  set(out ${CMAKE_BINARY_DIR}/generated)
  file(MAKE_DIRECTORY ${out})
  file(GLOB protos CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/${folder}/*.proto)
  foreach(proto ${protos})
    get_filename_component(stem ${proto} NAME_WE)
    add_custom_command(
      OUTPUT ${out}/${stem}.pb.cc ${out}/${stem}.pb.h
      COMMAND protobuf::protoc --cpp_out=${out} -I${CMAKE_SOURCE_DIR}/${folder} ${proto}
      DEPENDS ${proto} VERBATIM)
    add_custom_target(stoker_${stem}_proto_header DEPENDS ${out}/${stem}.pb.h)
    add_dependencies(generated stoker_${stem}_proto_header)
    add_library(stoker_${stem}_proto STATIC ${out}/${stem}.pb.cc)
    add_dependencies(stoker_${stem}_proto stoker_${stem}_proto_header)
    target_include_directories(stoker_${stem}_proto SYSTEM PUBLIC ${out})
    target_link_libraries(stoker_${stem}_proto PUBLIC stoker_options protobuf::libprotobuf-lite)
  endforeach()
endfunction()

# stoker_unit_tests(NAME): NAME_tests from tests/unit/NAME/*.cc, linked with stoker_NAME and whatever else is named.
# Tests of what several threads do together belong in files *_threads_test.cc, which the check runs under TSan too.
function(stoker_unit_tests name)
  file(GLOB sources CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/tests/unit/${name}/*.cc)
  if(NOT sources)
    return()
  endif()
  add_executable(${name}_tests ${sources})
  stoker_precompile(${name}_tests test)
  target_link_libraries(${name}_tests PRIVATE stoker_${name} ${ARGN} stoker_options stoker_warnings
    GTest::gmock GTest::gtest_main)
  target_compile_definitions(${name}_tests PRIVATE STOKER_TEST_DATA="${CMAKE_SOURCE_DIR}/tests/data")
  gtest_discover_tests(${name}_tests DISCOVERY_MODE PRE_TEST TEST_PREFIX "${name}." PROPERTIES LABELS unit TIMEOUT 120)
endfunction()
