/** Before each test file: what tests make has the modes that they name, whatever the umask of who runs them (002 of a login shell). */
process.umask(0o022);
