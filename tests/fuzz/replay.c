/* A main for fuzz targets without a fuzzer: gives the target every file named, and
 * every file in every directory named. */
#include "config.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "fuzz/replay.h"

static size_t replayed;

static void give_up(const char *path)
{
    perror(path);
    exit(EXIT_FAILURE);
}

static void replay_file(const char *path, size_t length)
{
    FILE *file = fopen(path, "rb");
    uint8_t *bytes = malloc(length > 0 ? length : 1); /* of that size, for the sanitizer */

    if (file == NULL || bytes == NULL || fread(bytes, 1, length, file) != length)
        give_up(path);
    fclose(file);
    LLVMFuzzerTestOneInput(bytes, length);
    free(bytes);
    replayed++;
}

static void replay(const char *path)
{
    struct stat info;
    struct dirent *entry;
    DIR *dir;

    if (stat(path, &info) < 0)
        give_up(path);
    if (!S_ISDIR(info.st_mode)) {
        replay_file(path, (size_t)info.st_size);
        return;
    }
    dir = opendir(path);
    if (dir == NULL)
        give_up(path);
    while ((entry = readdir(dir)) != NULL) {
        char inside[4096];

        if (entry->d_name[0] == '.')
            continue;
        snprintf(inside, sizeof inside, "%s/%s", path, entry->d_name);
        replay(inside);
    }
    closedir(dir);
}

int main(int argc, char **argv)
{
    for (int i = 1; i < argc; i++)
        replay(argv[i]);
    printf("%zu inputs replayed\n", replayed);
    return replayed > 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
