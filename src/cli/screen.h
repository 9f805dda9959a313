/* cli/screen.h - the whole terminal for a view: its other screen, and keys one by one.
 *
 * It is restored by screen_leave(), and, if weir dies of a fault of its own, by the handler of
 * that.
 */
#ifndef WEIR_CLI_SCREEN_H
#define WEIR_CLI_SCREEN_H

/* Whether standard output is a terminal that can be drawn on. */
int screen_is_there(void);

/* Takes the terminal. Does nothing if it is taken. */
void screen_enter(void);

/* Gives it back as it was. Does nothing if it is not taken. Async-signal-safe. */
void screen_leave(void);

void screen_size(int *columns, int *rows);

#endif
