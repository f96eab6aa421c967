/* A shared library with nothing in it, and with -DMAIN a program that needs many of them. */
#ifdef MAIN
int main(void)
{
	return 0;
}
#else
const int nothing = 0;
#endif
