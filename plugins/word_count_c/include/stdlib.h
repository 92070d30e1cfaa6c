/* What generated bindings ask of the C library; memory.c has it. */
#ifndef WORD_COUNT_STDLIB_H
#define WORD_COUNT_STDLIB_H

#include <stddef.h>

/* Memory of at least that size, aligned to 16 bytes. Never null: without memory it traps. */
void *malloc(size_t size);
void *realloc(void *memory, size_t size);
void free(void *memory);

/* Ends the instance; the host drops it and fails the attempt of the task. */
_Noreturn void abort(void);

#endif
