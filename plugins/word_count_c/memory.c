/*
 * Memory without a C library: every allocation takes the next bytes, and when the last one is
 * freed, the next begins at the bottom again.
 *
 * That fits the border: the host writes a call's input, the plugin adds its output, the host reads
 * it and lets go of all of it before the next call.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

enum { ALIGNMENT = 16, PAGE = 65536 };

/* Where the linker's own data ends. */
extern unsigned char __heap_base;

/* Stands before each allocation. */
typedef struct {
  size_t size;
  unsigned char padding[ALIGNMENT - sizeof(size_t)];
} header_t;

static uint64_t top;
static size_t live;

static uint64_t aligned(uint64_t address) {
  return (address + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
}

void abort(void) { __builtin_trap(); }

void *malloc(size_t size) {
  /* Generated code frees nothing of length zero, so nothing may count as live. */
  if (size == 0) return (void *)ALIGNMENT;
  if (live == 0) top = aligned((uintptr_t)&__heap_base);
  /* In 64 bits, so that no size can wrap around. */
  uint64_t start = top + sizeof(header_t);
  uint64_t end = aligned(start + size);
  uint64_t have = (uint64_t)__builtin_wasm_memory_size(0) * PAGE;
  if (end > have) {
    uint64_t pages = (end - have + PAGE - 1) / PAGE;
    if (pages > PAGE || __builtin_wasm_memory_grow(0, (size_t)pages) == SIZE_MAX) abort();
  }
  header_t *header = (header_t *)(uintptr_t)(start - sizeof(header_t));
  header->size = size;
  top = end;
  live += 1;
  return header + 1;
}

void free(void *memory) {
  /* Generated code also frees what `describe` hands out, which lies below the heap. */
  if ((uintptr_t)memory > (uintptr_t)&__heap_base) live -= 1;
}

void *realloc(void *memory, size_t size) {
  void *larger = malloc(size);
  if (memory) {
    size_t old = ((header_t *)memory)[-1].size;
    memcpy(larger, memory, old < size ? old : size);
    free(memory);
  }
  return larger;
}
