/* The driver of one loop: `check K` prints the largest relative difference from the reference, `time ROUNDS SECONDS`
   prints seconds per call of every variant, `count K` calls one variant between two marks for a single-stepper. */
#define _GNU_SOURCE
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <xmmintrin.h>

typedef void (*variant)($parameters);
$declarations
void reference($parameters);

enum { NUMBER = $number, ARRAYS = $arrays, GUARD = 256 };
static const variant variants[NUMBER] = { $variants };
static const size_t sizes[ARRAYS] = { $sizes };
static const char kinds[ARRAYS] = { $kinds };
static char *array[ARRAYS], *kept[ARRAYS];
static volatile int n = $n;
static const long elements = $elements;

static void call(variant v) { v($arguments); }

static size_t bytes(int k) { return sizes[k] * (elements + GUARD); }

static void fill(void) {
  unsigned state = 12345;
  for (int k = 0; k < ARRAYS; k++)
    for (long i = 0; i < elements + GUARD; i++) {
      state = state * 1664525u + 1013904223u;
      unsigned bits = state >> 16;
      char *at = array[k] + i * sizes[k];
      double real = 0.5 + (bits % 4096) / 4099.0;
      float single = (float)real;
      long whole = kinds[k] == 'u' ? (long)(bits % 101) : (long)(bits % 101) - 50;
      int index = n > 0 ? (int)((i * 7919) % n) : 0;
      if (kinds[k] == 'f') memcpy(at, &single, 4);
      else if (kinds[k] == 'd') memcpy(at, &real, 8);
      else if (kinds[k] == 'x') memcpy(at, &index, 4);
      else memcpy(at, &whole, sizes[k]);
    }
}

static double difference(void) {
  double worst = 0;
  for (int k = 0; k < ARRAYS; k++) {
    if (!memcmp(array[k], kept[k], bytes(k))) continue;
    if (kinds[k] != 'f' && kinds[k] != 'd') return INFINITY;
    for (long i = 0; i < elements + GUARD; i++) {
      double x, y;
      if (kinds[k] == 'f') { x = ((float *)array[k])[i]; y = ((float *)kept[k])[i]; }
      else { x = ((double *)array[k])[i]; y = ((double *)kept[k])[i]; }
      if (isnan(x) && isnan(y)) continue;
      if (x == y) continue;
      double off = fabs(x - y) / (fabs(y) + 1e-30);
      if (!(off < 1e30)) return INFINITY;
      if (off > worst) worst = off;
    }
  }
  return worst;
}

static double check(int k) {
  const int counts[] = { $n, 0, 1, 2, 3, 7, 17, 63, 65, 200, 255 };
  double worst = 0;
  for (unsigned c = 0; c < sizeof counts / sizeof *counts; c++) {
    if (counts[c] > $n) continue;
    n = counts[c];
    fill();
    call(reference);
    for (int j = 0; j < ARRAYS; j++) memcpy(kept[j], array[j], bytes(j));
    fill();
    call(variants[k]);
    double off = difference();
    if (off > worst) worst = off;
  }
  return worst;
}

static double now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return t.tv_sec + 1e-9 * t.tv_nsec;
}

static double timed(variant v, long calls) {
  double start = now();
  for (long c = 0; c < calls; c++) call(v);
  return (now() - start) / calls;
}

/* Seconds of one dependent integer addition, which takes a cycle everywhere. */
static double cycle(void) {
  double start = now();
  unsigned long x = 1, loops = 4000;
  for (unsigned long i = 0; i < loops; i++)
    __asm__ volatile("add $$1,%0\n add $$1,%0\n add $$1,%0\n add $$1,%0\n add $$1,%0\n add $$1,%0\n add $$1,%0\n"
                     "add $$1,%0\n add $$1,%0\n add $$1,%0\n add $$1,%0\n add $$1,%0\n add $$1,%0\n add $$1,%0\n"
                     "add $$1,%0\n add $$1,%0\n" : "+r"(x));
  return (now() - start) / (16.0 * loops);
}

static int order(const void *a, const void *b) {
  double x = *(const double *)a, y = *(const double *)b;
  return (x > y) - (x < y);
}

static void measure(int rounds, double sample) {
  static double best[NUMBER];
  static long calls[NUMBER];
  double *cycles = malloc(sizeof(double) * rounds);
  for (int k = 0; k < NUMBER; k++) {
    if (!variants[k]) continue;
    long c = 1;
    while (timed(variants[k], c) * c < sample / 4 && c < (1L << 40)) c *= 2;
    double one = timed(variants[k], c);
    calls[k] = (long)(sample / one) + 1;
    best[k] = INFINITY;
  }
  for (int r = 0; r < rounds; r++) {
    cycles[r] = cycle();
    for (int k = 0; k < NUMBER; k++) {
      if (!variants[k]) continue;
      double one = timed(variants[k], calls[k]);
      if (one < best[k]) best[k] = one;
    }
  }
  qsort(cycles, rounds, sizeof(double), order);
  printf("{\"cycle\": %.9g, \"seconds\": [", cycles[0]);
  for (int k = 0; k < NUMBER; k++) {
    if (variants[k]) printf("%s%.9g", k ? ", " : "", best[k]);
    else printf("%snull", k ? ", " : "");
  }
  printf("]}\n");
}

void mark_begin(void);
void mark_end(void);
__asm__(".globl mark_begin\nmark_begin: ret\n.globl mark_end\nmark_end: ret\n");

int main(int argc, char **argv) {
  /* No two arrays at the same place within a page, and each at the start of a cache line. */
  for (int k = 0; k < ARRAYS; k++) {
    char *base = aligned_alloc(4096, (bytes(k) + 16384) / 4096 * 4096 + 4096);
    array[k] = base + 64 * (7 * k % 32);
    kept[k] = malloc(bytes(k));
  }
  _mm_setcsr(_mm_getcsr() | 0x8040); /* denormals are zero: a loop is not to be timed by its data */
  fill();
  if (argc == 3 && !strcmp(argv[1], "check")) {
    _mm_setcsr(_mm_getcsr() & ~0x8040);
    printf("%.9g\n", check(atoi(argv[2])));
  } else if (argc == 4 && !strcmp(argv[1], "time")) {
    measure(atoi(argv[2]), atof(argv[3]));
  } else if (argc == 3 && !strcmp(argv[1], "count")) {
    variant v = variants[atoi(argv[2])];
    call(v);
    fill();
    mark_begin();
    call(v);
    mark_end();
  } else {
    return 2;
  }
  return 0;
}
