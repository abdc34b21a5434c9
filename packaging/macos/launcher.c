/* The executable of the thin bundle: becomes the Python of this Mac, running the program beside it. */
#include <libgen.h>
#include <limits.h>
#include <mach-o/dyld.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char *const pythons[] = {
    "/Library/Frameworks/Python.framework/Versions/" PYTHON "/bin/python" PYTHON, /* python.org */
    "/opt/homebrew/bin/python" PYTHON,                                            /* Homebrew, Apple silicon */
    "/usr/local/bin/python" PYTHON,                                               /* Homebrew, Intel */
    NULL,
};

static const char explanation[] =
    "display alert \"NetWatch Tray needs Python " PYTHON "\" message \"Install it from python.org, then open "
    "NetWatch Tray again.\"";

int main(int argc, char **argv) {
    char given[PATH_MAX], real[PATH_MAX], packages[PATH_MAX + 32];
    uint32_t size = sizeof given;
    if (_NSGetExecutablePath(given, &size) != 0 || realpath(given, real) == NULL) {
        fputs("netwatch-tray: its own path cannot be found\n", stderr);
        return 1;
    }
    setenv("NETWATCH_TRAY_WRAPPER", real, 1); /* netwatch_tray/launch.py */
    /* Contents/MacOS/netwatch-tray */
    snprintf(packages, sizeof packages, "%s/Resources/site-packages", dirname(dirname(real)));
    setenv("PYTHONPATH", packages, 1);
    setenv("PYTHONNOUSERSITE", "1", 1);
    setenv("PYTHONDONTWRITEBYTECODE", "1", 1); /* a signed bundle must stay as it is */

    char **words = calloc((size_t)argc + 3, sizeof *words);
    if (words == NULL)
        return 1;
    words[1] = "-m";
    words[2] = "netwatch_tray";
    for (int i = 1; i < argc; i++)
        words[i + 2] = argv[i];
    for (const char *const *python = pythons; *python != NULL; python++) {
        words[0] = (char *)*python;
        execv(*python, words);
    }
    fputs("netwatch-tray: Python " PYTHON " is not installed\n", stderr);
    execl("/usr/bin/osascript", "osascript", "-e", explanation, (char *)NULL);
    return 1;
}
