/*
 * A lightningd that ends as soon as it has begun: the time of a launch up to here is the launcher's alone. It answers
 * --version, and names its directories, as far as a launcher looks.
 */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static const char *const directories[] = {BINDIR, PKGLIBEXECDIR, PLUGINDIR};

int main(int argc, char **argv)
{
	if (argc > 1 && !strcmp(argv[1], "--version"))
		puts(VERSION);
	if (argc > 1 && !strcmp(argv[1], "--directories"))
		printf("%s\n%s\n%s\n", directories[0], directories[1], directories[2]);
	fflush(stdout);
	_exit(0);
}
