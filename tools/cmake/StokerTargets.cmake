# Warnings, sanitizers, and the two functions that make every library and unit test from a folder's files.

find_package(Threads REQUIRED)
find_package(PkgConfig REQUIRED)
find_package(ZLIB REQUIRED)
find_package(fmt REQUIRED)
find_package(spdlog REQUIRED)
find_package(Protobuf REQUIRED)
pkg_check_modules(zstd REQUIRED IMPORTED_TARGET libzstd)
pkg_check_modules(lzma REQUIRED IMPORTED_TARGET liblzma)
pkg_check_modules(xxhash REQUIRED IMPORTED_TARGET libxxhash)
pkg_check_modules(re2 REQUIRED IMPORTED_TARGET re2)
pkg_check_modules(libbpf REQUIRED IMPORTED_TARGET libbpf)
pkg_check_modules(prometheus REQUIRED IMPORTED_TARGET prometheus-cpp-core)

find_library(HTTPLIB_LIBRARY cpp-httplib REQUIRED)
add_library(httplib INTERFACE)
target_link_libraries(httplib INTERFACE ${HTTPLIB_LIBRARY} Threads::Threads)
# As Debian's library was built (cpp-httplib.pc): its classes have other layouts without them.
target_compile_definitions(httplib INTERFACE
  CPPHTTPLIB_OPENSSL_SUPPORT CPPHTTPLIB_ZLIB_SUPPORT CPPHTTPLIB_BROTLI_SUPPORT)
target_link_libraries(httplib INTERFACE ssl crypto)

set(STOKER_SANITIZE "" CACHE STRING "Value of -fsanitize=, empty for none")

# Generated sources (protobuf) come from other people's generators: they are exempt from our warnings.
add_library(stoker_options INTERFACE)
target_include_directories(stoker_options INTERFACE ${CMAKE_SOURCE_DIR} ${CMAKE_BINARY_DIR}/generated)
target_compile_options(stoker_options INTERFACE
  -fno-omit-frame-pointer $<$<NOT:$<CONFIG:Debug>>:-O2> -ffile-prefix-map=${CMAKE_SOURCE_DIR}/=)
add_library(stoker_warnings INTERFACE)
target_compile_options(stoker_warnings INTERFACE -Wall -Wextra -Werror -Wshadow -Wno-missing-field-initializers)
if(STOKER_SANITIZE)
  target_compile_options(stoker_options INTERFACE -fsanitize=${STOKER_SANITIZE} -fno-sanitize-recover=undefined)
  target_link_options(stoker_options INTERFACE -fsanitize=${STOKER_SANITIZE})
endif()

# stoker_library(NAME LINK …): library stoker_NAME from NAME/**/*.cc. A new file needs no entry anywhere.
function(stoker_library name)
  cmake_parse_arguments(ARG "" "" "LINK" ${ARGN})
  file(GLOB_RECURSE sources CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/${name}/*.cc)
  if(sources)
    add_library(stoker_${name} STATIC ${sources})
    target_link_libraries(stoker_${name} PUBLIC stoker_options PRIVATE stoker_warnings ${ARG_LINK})
  else()
    add_library(stoker_${name} INTERFACE)
    list(REMOVE_ITEM ARG_LINK PUBLIC PRIVATE)
    target_link_libraries(stoker_${name} INTERFACE stoker_options ${ARG_LINK})
  endif()
endfunction()

# stoker_proto(TARGET FILE [IMPORT_DIR]): library TARGET with the C++ code of one .proto, as generated/NAME.pb.h.
function(stoker_proto target proto)
  get_filename_component(stem ${proto} NAME_WE)
  get_filename_component(dir ${proto} DIRECTORY)
  set(out ${CMAKE_BINARY_DIR}/generated)
  file(MAKE_DIRECTORY ${out})
  add_custom_command(
    OUTPUT ${out}/${stem}.pb.cc ${out}/${stem}.pb.h
    COMMAND protobuf::protoc --cpp_out=${out} -I${CMAKE_SOURCE_DIR}/${dir} ${CMAKE_SOURCE_DIR}/${proto}
    DEPENDS ${CMAKE_SOURCE_DIR}/${proto} VERBATIM)
  add_library(${target} STATIC ${out}/${stem}.pb.cc)
  target_include_directories(${target} SYSTEM PUBLIC ${out})
  target_link_libraries(${target} PUBLIC stoker_options protobuf::libprotobuf-lite)
endfunction()

# stoker_unit_tests(NAME): NAME_tests from tests/unit/NAME/*.cc, linked with stoker_NAME and whatever else is named.
function(stoker_unit_tests name)
  file(GLOB sources CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/tests/unit/${name}/*.cc)
  if(NOT sources)
    return()
  endif()
  add_executable(${name}_tests ${sources})
  target_link_libraries(${name}_tests PRIVATE stoker_${name} ${ARGN} stoker_options stoker_warnings
    GTest::gmock GTest::gtest_main)
  target_compile_definitions(${name}_tests PRIVATE STOKER_TEST_DATA="${CMAKE_SOURCE_DIR}/tests/data")
  gtest_discover_tests(${name}_tests DISCOVERY_MODE PRE_TEST TEST_PREFIX "${name}." PROPERTIES LABELS unit TIMEOUT 120)
endfunction()
