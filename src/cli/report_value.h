/* cli/report_value.h - values of a report in words. */
#ifndef WEIR_CLI_REPORT_VALUE_H
#define WEIR_CLI_REPORT_VALUE_H

enum { REPORT_VALUE = 64 }; /* room for one */

/* "1.24 s", "3 min 20 s"; "1.5 MiB". */
void report_duration(char text[REPORT_VALUE], double ms);
void report_size(char text[REPORT_VALUE], double bytes);

/* A value in a unit: "ms", "bytes", "/s", or "" for a plain number. */
void report_amount(char text[REPORT_VALUE], double amount, const char *unit);

#endif
