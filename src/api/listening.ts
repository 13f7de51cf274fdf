// SPDX-License-Identifier: AGPL-3.0-or-later
/** Opening a TCP port, and in words why it could not be opened. */
import { CodedError, errorCode } from '../base/base.ts'

/** @param section of the configuration, where the address and the port are set. */
export function listenError(
  cause: unknown,
  { section, address, port }: { section: string; address: string; port: number },
): CodedError {
  const context = { address, port }
  switch (errorCode(cause)) {
    case 'EADDRINUSE':
      return new CodedError('PORT_TAKEN', `Port ${port} is taken by another program.`, {
        cause,
        context,
        advice: `Stop that program, or set another ${section}.port in the configuration file.`,
      })
    case 'EADDRNOTAVAIL':
    case 'ENOTFOUND':
      return new CodedError('ADDRESS_UNAVAILABLE', `This machine has no address ${address}.`, {
        cause,
        context,
        advice: `Set ${section}.address in the configuration file to an address of this machine.`,
      })
    case 'EACCES':
      return new CodedError('PORT_FORBIDDEN', `This user may not listen on port ${port}.`, {
        cause,
        context,
        advice: `Set ${section}.port in the configuration file to a port of 1024 or above.`,
      })
    default:
      return new CodedError('LISTEN_FAILED', `Nothing could be opened on port ${port}.`, {
        cause,
        context,
        advice: `Check ${section}.address and ${section}.port in the configuration file.`,
      })
  }
}
