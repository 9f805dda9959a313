#include "config.h"

#include "cli/document.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "base/fd.h"
#include "base/outfile.h"

int document_check(const char *path, struct weir_error *error)
{
    struct weir__outfile file;
    struct stat old;
    int status;

    /* Opening a FIFO would wait for its reader. */
    if (stat(path, &old) == 0 && !S_ISREG(old.st_mode)) {
        if (S_ISDIR(old.st_mode))
            errno = EISDIR;
        else if (access(path, W_OK) == 0)
            return 0;
        return weir__fail(error, WEIR_ERR_SYSTEM, errno, "cannot write %.300s", path);
    }
    status = weir__outfile_open(&file, path, error);
    if (status == 0)
        weir__outfile_discard(&file);
    return status;
}

int document_write(const char *path, const char *text, struct weir_error *error)
{
    struct weir__outfile file;
    int status = weir__outfile_open(&file, path, error), failed;

    if (status < 0)
        return status;
    failed = weir__write_all(file.fd, text, strlen(text));
    if (failed == 0)
        return weir__outfile_commit(&file, error);
    weir__outfile_discard(&file);
    return weir__fail(error, WEIR_ERR_SYSTEM, failed, "cannot write %.300s", path);
}
