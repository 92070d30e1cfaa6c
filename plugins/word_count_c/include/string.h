/* What generated bindings ask of the C library. */
#ifndef WORD_COUNT_STRING_H
#define WORD_COUNT_STRING_H

#include <stddef.h>

/* One instruction of the sandbox. */
#define memcpy __builtin_memcpy

static inline size_t strlen(const char *text) {
  size_t length = 0;
  while (text[length]) length += 1;
  return length;
}

#endif
