/* A line of haproxy's log, with anything in it: what is read from it PID 1 always accepts. */
#include <stdlib.h>
#include <string.h>

#include "init/broker/broker.h"
#include "init/monitor/broker_messages.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct broker_message m;
	uint32_t answers = 0; /* BROKER_READY or BROKER_RENEWED, which no line is */
	char *line = malloc(size ? size : 1);

	if (!line)
		abort();
	memcpy(line, data, size);
	if (broker_log_read(line, size, &m) &&
		(broker_messages_take(NULL, "name", &m, sizeof(m), &answers) < 0 || answers))
		abort();
	free(line);
	return 0;
}
