// SPDX-License-Identifier: AGPL-3.0-or-later
/** What bounds the machine room. */

/** The longest delay that `setTimeout` honours, in ms; a longer one would fire at once. */
export const TIMER_MS_MAX = 2 ** 31 - 1

/** How long a command may run unless its caller says otherwise, in ms: a busy Pi needs seconds. */
export const COMMAND_TIMEOUT_MS = 10_000

/** How much a command may print unless its caller says otherwise: `iw station dump` of 100 peers. */
export const COMMAND_STDOUT_BYTES_MAX = 1024 * 1024

/** How much of a failed command's complaint goes into the error, in characters. */
export const COMMAND_STDERR_CHARACTERS_MAX = 1_000

/** How many devices may be stacked (vlan on bridge on bond on radio) before we stop looking. */
export const INTERFACE_STACK_DEPTH_MAX = 4

/**
 * How many looks at the interfaces there are from one reading of sysfs to the next while the kernel
 * lists the same: a few seconds. To read it each time was a sixth of what a node at rest costs.
 */
export const INTERFACE_FACTS_LOOKS = 10

/** How often the event loop's delay is sampled, in ms: ten wake-ups a second cost nothing. */
export const EVENT_LOOP_SAMPLE_MS = 100

/** How deep the causes of an error are followed into the log. */
export const ERROR_CAUSE_DEPTH_MAX = 5

/** Between two looks at the machine's health while nobody asks, in ms: heat and disks are slow. */
export const VITALS_GAP_MS = 60_000

/** A reading of the machine that is younger than this, in ms, is not made anew. */
export const VITALS_AGE_MS_MAX = 4_000
