/*
 * Keeps a network card busy: `traffic INTERFACE CPU [PAUSE_US]` sends small frames to everyone from one
 * CPU, one at a time, so that the card at the other end interrupts for nearly each.
 */
#define _GNU_SOURCE
#include "memory.h"

#include <arpa/inet.h>
#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <sys/socket.h>

enum { LOCAL_EXPERIMENTAL = 0x88b5, FRAME = 60 };

int main(int count, char **arguments)
{
	struct sockaddr_ll to = { .sll_family = AF_PACKET, .sll_halen = ETH_ALEN };
	unsigned char frame[FRAME] = { 255, 255, 255, 255, 255, 255, 2, 0, 0, 0, 0, 1 };
	int raw = socket(AF_PACKET, SOCK_RAW, 0);	/* receives nothing */
	long pause_us = count > 3 ? atol(arguments[3]) : 0;

	if (count < 3 || raw < 0)
		fail("usage: traffic INTERFACE CPU [PAUSE_US]");
	pin_to_cpu(atoi(arguments[2]));
	to.sll_ifindex = if_nametoindex(arguments[1]);
	if (!to.sll_ifindex)
		fail(arguments[1]);
	frame[12] = LOCAL_EXPERIMENTAL >> 8;
	frame[13] = LOCAL_EXPERIMENTAL & 255;
	puts("ready");
	fflush(stdout);
	for (;;) {
		if (sendto(raw, frame, sizeof(frame), 0, (struct sockaddr *)&to, sizeof(to)) < 0)
			sleep_us(100);	/* the queue is full */
		else if (pause_us)
			sleep_us(pause_us);
	}
}
