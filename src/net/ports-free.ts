// SPDX-License-Identifier: AGPL-3.0-or-later
/** Ports: is this one free, and which one is. */
import { createServer } from 'node:net'
import { CodedError, errorCode } from '../base/base.ts'

/**
 * The port to listen on: `wanted`, proven free, or any free one for 0. IPv4 and IPv6 are two
 * listeners, and both must have the same number since it is announced once.
 * @throws CodedError `PORT_TAKEN` naming `configKey`.
 */
export function choosePort(wanted: number, configKey: string): Promise<number> {
  const probe = createServer()
  return new Promise((resolve, rejectWith) => {
    probe.once('error', (cause) => {
      const isTaken = errorCode(cause) === 'EADDRINUSE'
      rejectWith(
        new CodedError(
          isTaken ? 'PORT_TAKEN' : 'PORT_REFUSED',
          isTaken
            ? `TCP port ${wanted} is taken by another program.`
            : `TCP port ${wanted} cannot be used: ${cause.message}.`,
          {
            cause,
            context: { port: wanted, configKey },
            advice: `Stop the other program (perhaps another node), or set ${configKey} to another port; 0 takes any free one.`,
          },
        ),
      )
    })
    probe.listen(wanted, () => {
      const address = probe.address()
      const port = typeof address === 'object' && address !== null ? address.port : wanted
      probe.close(() => resolve(port))
    })
  })
}
