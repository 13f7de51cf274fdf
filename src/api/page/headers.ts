// SPDX-License-Identifier: AGPL-3.0-or-later
/**
 * The headers of the app: it runs its own scripts and none but those, talks to its own node, and
 * shows pictures, sound and films from the gateway beside it. Pure.
 */
import { PERMISSIONS_POLICY } from '../gateway/gateway.ts'

/** @param host as the request said it, and the doorman found right. */
export function pageHeaders(
  host: string,
  gatewayPort: number | undefined,
): Readonly<Record<string, string>> {
  const gateway = gatewayPort === undefined ? undefined : gatewaySource(host, gatewayPort)
  const media = gateway ?? "'none'"
  const images = gateway === undefined ? '' : ` ${gateway}`
  return {
    'content-security-policy': [
      "default-src 'none'",
      "script-src 'self'",
      "style-src 'self'",
      `img-src 'self' data:${images}`,
      `media-src ${media}`,
      `frame-src ${media}`,
      "connect-src 'self'",
      "font-src 'self'",
      "base-uri 'none'",
      "form-action 'none'",
      "frame-ancestors 'none'",
      "require-trusted-types-for 'script'",
    ].join('; '),
    'permissions-policy': PERMISSIONS_POLICY,
  }
}

/** A policy has no way to write an IPv6 address: there the port alone has to do. */
function gatewaySource(host: string, port: number): string {
  const name = host.replace(/:\d+$/, '')
  return /^[a-z0-9._-]+$/i.test(name) ? `http://${name}:${port}` : `http://*:${port}`
}
