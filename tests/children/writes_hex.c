/* Writes each argument, given in hex, with a write(2) of its own, and waits
 * until the reader has taken it before it writes the next. */
#include <sched.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <unistd.h>

int main(int argc, char **argv)
{
    for (int i = 1; i < argc; i++) {
        unsigned char bytes[4096];
        size_t length = 0;
        int waiting;

        for (const char *digits = argv[i]; sscanf(digits, "%2hhx", &bytes[length]) == 1;
             digits += 2)
            length++;
        if (write(STDOUT_FILENO, bytes, length) != (ssize_t)length)
            return 1;
        while (ioctl(STDOUT_FILENO, FIONREAD, &waiting) == 0 && waiting > 0)
            sched_yield();
    }
    return 0;
}
