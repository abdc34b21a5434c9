/* The executable of the thin bundle: loads the Python of this Mac into its own process and runs the program beside it.
 * A Python that is executed instead would be another program to macOS, without this bundle's identity: with a Dock icon,
 * and without notifications. */
#include <dlfcn.h>
#include <libgen.h>
#include <limits.h>
#include <mach-o/dyld.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char *const frameworks[] = {
    "/Library/Frameworks/Python.framework/Versions/" PYTHON,                                        /* python.org */
    "/opt/homebrew/opt/python@" PYTHON "/Frameworks/Python.framework/Versions/" PYTHON,             /* Apple silicon */
    "/usr/local/opt/python@" PYTHON "/Frameworks/Python.framework/Versions/" PYTHON,                /* Intel */
    NULL,
};

static const char explanation[] =
    "display alert \"NetWatch Tray needs Python " PYTHON "\" message \"Install it from python.org, then open "
    "NetWatch Tray again.\"";

int main(int argc, char **argv) {
    char given[PATH_MAX], real[PATH_MAX], place[PATH_MAX], packages[PATH_MAX + 32];
    uint32_t size = sizeof given;
    if (_NSGetExecutablePath(given, &size) != 0 || realpath(given, real) == NULL) {
        fputs("netwatch-tray: its own path cannot be found\n", stderr);
        return 1;
    }
    setenv("NETWATCH_TRAY_WRAPPER", real, 1); /* netwatch_tray/launch.py */
    /* Contents/MacOS/netwatch-tray */
    snprintf(place, sizeof place, "%s", real);
    snprintf(packages, sizeof packages, "%s/Resources/site-packages", dirname(dirname(place)));
    setenv("PYTHONPATH", packages, 1);
    setenv("PYTHONNOUSERSITE", "1", 1);
    setenv("PYTHONDONTWRITEBYTECODE", "1", 1); /* a signed bundle must stay as it is */

    char **words = calloc((size_t)argc + 3, sizeof *words);
    if (words == NULL)
        return 1;
    words[0] = real;
    words[1] = "-m";
    words[2] = "netwatch_tray";
    for (int i = 1; i < argc; i++)
        words[i + 2] = argv[i];
    for (const char *const *framework = frameworks; *framework != NULL; framework++) {
        char library[PATH_MAX];
        snprintf(library, sizeof library, "%s/Python", *framework);
        void *python = dlopen(library, RTLD_NOW | RTLD_GLOBAL);
        int (*run)(int, char **) = python == NULL ? NULL : (int (*)(int, char **))dlsym(python, "Py_BytesMain");
        if (run == NULL)
            continue;
        setenv("PYTHONHOME", *framework, 1);
        return run(argc + 2, words);
    }
    fputs("netwatch-tray: Python " PYTHON " is not installed\n", stderr);
    execl("/usr/bin/osascript", "osascript", "-e", explanation, (char *)NULL);
    return 1;
}
