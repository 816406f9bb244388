/* Times assembly loops in turns with a chain of dependent additions; prints cycles per pass of each loop's body. */
#define _GNU_SOURCE
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <xmmintrin.h>

DECLARATIONS
typedef void (*probe)(int, void *, void *);
static const probe all[] = { TABLE };
enum { NUMBER = sizeof all / sizeof *all };

static double now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return t.tv_sec + 1e-9 * t.tv_nsec;
}

static double cycle(void) {
  double best = INFINITY;
  for (int r = 0; r < 3; r++) {
    double start = now();
    unsigned long x = 1, loops = 1000;
    for (unsigned long i = 0; i < loops; i++)
      __asm__ volatile("add $1,%0\n add $1,%0\n add $1,%0\n add $1,%0\n add $1,%0\n add $1,%0\n add $1,%0\n add $1,%0\n"
                       "add $1,%0\n add $1,%0\n add $1,%0\n add $1,%0\n add $1,%0\n add $1,%0\n add $1,%0\n add $1,%0\n"
                       : "+r"(x));
    double one = (now() - start) / (16.0 * loops);
    if (one < best) best = one;
  }
  return best;
}

int main(void) {
  static double found[NUMBER][ROUNDS], seconds[ROUNDS];
  char *data = aligned_alloc(4096, 65536), *out = aligned_alloc(4096, 65536);
  _mm_setcsr(_mm_getcsr() | 0x8040);
  for (int i = 0; i < 16384; i++) { ((float *)data)[i] = 1.0f + i % 7; ((float *)out)[i] = 1.0f; }
  /* Indices of gathers: sixteen places on lines of their own. */
  for (int i = 0; i < 16; i++) ((int *)data)[512 + i] = 16 * (7 * i % 16) + 3 * i + 1024;
  *(void **)data = data;
  for (int r = 0; r < ROUNDS; r++) {
    seconds[r] = cycle();
    for (int k = 0; k < NUMBER; k++) {
      *(void **)data = data;
      all[k](20, data, out);
      double best = INFINITY;
      for (int again = 0; again < 5; again++) {
        double start = now();
        all[k](400, data, out);
        double one = now() - start;
        if (one < best) best = one;
      }
      found[k][r] = best / 400;
    }
  }
  double least = INFINITY;
  for (int r = 0; r < ROUNDS; r++) if (seconds[r] < least) least = seconds[r];
  printf("{\"cycle\": [");
  for (int r = 0; r < ROUNDS; r++) printf("%s%.9g", r ? ", " : "", seconds[r]);
  printf("], \"cycles\": [");
  for (int k = 0; k < NUMBER; k++) {
    printf("%s[", k ? ", " : "");
    for (int r = 0; r < ROUNDS; r++) printf("%s%.9g", r ? ", " : "", found[k][r] / least);
    printf("]");
  }
  printf("]}\n");
  return 0;
}
