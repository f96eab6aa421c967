/*
 * stopwatch COMMAND [ARG...]: runs it with nothing on stdin and stdout, and prints what the kernel accounted:
 * wall clock (ns), processor time (us), peak resident memory (KiB) and exit status. Small, so that neither its start
 * nor its memory (which the kernel counts for the child until its exec) is in the figures.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

extern char **environ;

static long long now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000000000LL + t.tv_nsec;
}

static long long microseconds(struct timeval t)
{
	return t.tv_sec * 1000000LL + t.tv_usec;
}

int main(int argc, char **argv)
{
	posix_spawn_file_actions_t actions;
	struct rusage usage;
	long long start, end;
	int status;
	pid_t pid;

	if (argc < 2)
		return 2;
	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
	posix_spawn_file_actions_addopen(&actions, 1, "/dev/null", O_WRONLY, 0);

	start = now();
	if (posix_spawnp(&pid, argv[1], &actions, NULL, argv + 1, environ)) {
		perror(argv[1]);
		return 2;
	}
	if (wait4(pid, &status, 0, &usage) != pid)
		return 2;
	end = now();

	printf("%lld %lld %ld %d\n", end - start, microseconds(usage.ru_utime) + microseconds(usage.ru_stime),
	       usage.ru_maxrss, WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status));
	return 0;
}
