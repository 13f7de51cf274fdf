// SPDX-License-Identifier: AGPL-3.0-or-later
/** Ports: is this one free, and which one is. */
import { createServer } from 'node:net'
import { asError, CodedError, errorCode } from '../base/base.ts'

/**
 * The port to listen on: `wanted`, proven free, or any free one for 0. IPv4 and IPv6 are two
 * listeners, and both must have the same number since it is announced once.
 * @throws CodedError `PORT_TAKEN` naming `configKey`.
 */
export function choosePort(wanted: number, configKey: string): Promise<number> {
  const probe = createServer()
  return new Promise((resolve, rejectWith) => {
    probe.once('error', (cause) => rejectWith(portError('TCP', { port: wanted, configKey }, cause)))
    probe.listen(wanted, () => {
      const address = probe.address()
      const port = typeof address === 'object' && address !== null ? address.port : wanted
      probe.close(() => resolve(port))
    })
  })
}

/** Why a port cannot be listened on, as `PORT_TAKEN` or `PORT_REFUSED`. */
export function portError(
  protocol: 'TCP' | 'UDP',
  context: { port: number; configKey: string },
  cause: unknown,
): CodedError {
  const { port, configKey } = context
  const isTaken = errorCode(cause) === 'EADDRINUSE'
  return new CodedError(
    isTaken ? 'PORT_TAKEN' : 'PORT_REFUSED',
    isTaken
      ? `${protocol} port ${port} is taken by another program.`
      : `${protocol} port ${port} cannot be used: ${asError(cause).message}.`,
    {
      cause,
      context,
      advice: `Stop the other program (perhaps another node), or set ${configKey} to another port; 0 takes any free one.`,
    },
  )
}
