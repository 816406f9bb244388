/* Counts the instructions at addresses LOW to HIGH that a child executes between two breakpoints, one step at a time.
   Usage: stepping BEGIN END LOW HIGH PROGRAM ARGUMENT...   (addresses in hexadecimal) */
#include <stdio.h>
#include <stdlib.h>
#include <sys/ptrace.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

static unsigned long pc(pid_t child) {
  struct user_regs_struct r;
  ptrace(PTRACE_GETREGS, child, 0, &r);
  return r.rip;
}

static int step(pid_t child) {
  int status;
  ptrace(PTRACE_SINGLESTEP, child, 0, 0);
  waitpid(child, &status, 0);
  return WIFSTOPPED(status);
}

int main(int argc, char **argv) {
  unsigned long begin = strtoul(argv[1], 0, 16), end = strtoul(argv[2], 0, 16);
  unsigned long low = strtoul(argv[3], 0, 16), high = strtoul(argv[4], 0, 16);
  pid_t child = fork();
  int status;
  if (!child) {
    ptrace(PTRACE_TRACEME, 0, 0, 0);
    execv(argv[5], argv + 5);
    _exit(127);
  }
  waitpid(child, &status, 0);
  if (!WIFSTOPPED(status)) return 1;
  long old = ptrace(PTRACE_PEEKTEXT, child, begin, 0);
  ptrace(PTRACE_POKETEXT, child, begin, (old & ~0xffL) | 0xcc);
  ptrace(PTRACE_CONT, child, 0, 0);
  waitpid(child, &status, 0);
  if (!WIFSTOPPED(status)) return 1;
  ptrace(PTRACE_POKETEXT, child, begin, old);
  struct user_regs_struct r;
  ptrace(PTRACE_GETREGS, child, 0, &r);
  r.rip = begin;
  ptrace(PTRACE_SETREGS, child, 0, &r);
  long count = 0;
  while (step(child)) {
    unsigned long at = pc(child);
    count += at >= low && at < high;
    if (at == end) break;
  }
  printf("%ld\n", count);
  ptrace(PTRACE_KILL, child, 0, 0);
  return 0;
}
