// SPDX-License-Identifier: AGPL-3.0-or-later
/** Small networks of our own: namespaces, cables between them and a bridge, gone after the test. */
import { execFileSync } from 'node:child_process'

/** Whether this machine lets us make namespaces. Where CI requires it, saying no is a failure. */
export function canMakeNamespaces(): boolean {
  try {
    sh('ip netns add citynode-probe')
    sh('ip netns del citynode-probe')
    sh('nft --version')
    return true
  } catch (error) {
    if (process.env['CITYNODE_REQUIRE_NETNS'] === '1') throw error
    return false
  }
}

export class Network {
  readonly #prefix: string
  readonly #names: string[] = []

  constructor(name: string) {
    this.#prefix = `cn-${name}-${process.pid}-`
  }

  /** A host with nothing but its own loopback. */
  host(name: string): string {
    const full = `${this.#prefix}${name}`
    sh(`ip netns add ${full}`)
    this.#names.push(full)
    sh(`ip -n ${full} link set lo up`)
    return full
  }

  /** A cable between two hosts, no address on it but the link-local ones. */
  cable(first: [host: string, name: string], second: [host: string, name: string]): void {
    const [hostA, nameA] = first
    const [hostB, nameB] = second
    sh(`ip -n ${hostA} link add ${nameA} type veth peer name ${nameB} netns ${hostB}`)
    sh(`ip -n ${hostA} link set ${nameA} up`)
    sh(`ip -n ${hostB} link set ${nameB} up`)
  }

  /** A switch: each host gets an \`eth0\` on it, with an IPv4 address when asked for. */
  bridge(
    hosts: readonly string[],
    options: { interfaceName?: string; ipv4?: boolean } = {},
  ): string {
    const middle = this.host('switch')
    const interfaceName = options.interfaceName ?? 'eth0'
    sh(`ip -n ${middle} link add br0 type bridge mcast_snooping 0`)
    sh(`ip -n ${middle} link set br0 up`)
    hosts.forEach((host, index) => {
      sh(`ip -n ${host} link add ${interfaceName} type veth peer name p${index} netns ${middle}`)
      sh(`ip -n ${middle} link set p${index} master br0 up`)
      if (options.ipv4) {
        sh(`ip -n ${host} addr add 10.78.0.${index + 1}/24 dev ${interfaceName}`)
      }
      sh(`ip -n ${host} link set ${interfaceName} up`)
      if (options.ipv4) sh(`ip -n ${host} route add 224.0.0.0/4 dev ${interfaceName}`)
    })
    return middle
  }

  pull(host: string, name: string): void {
    sh(`ip -n ${host} link set ${name} down`)
  }

  plug(host: string, name: string): void {
    sh(`ip -n ${host} link set ${name} up`)
  }

  /** Drops everything that comes in, without the interface noticing. */
  silence(host: string, name: string): void {
    const rules = `table netdev citynode_test {
      chain drop_all {
        type filter hook ingress device "${name}" priority 0;
        counter drop
      }
    }
    `
    execFileSync('ip', ['netns', 'exec', host, 'nft', '-f', '-'], { input: rules })
  }

  unsilence(host: string): void {
    sh(`ip netns exec ${host} nft delete table netdev citynode_test`)
  }

  close(): void {
    for (const name of this.#names.splice(0)) sh(`ip netns del ${name}`)
  }
}

function sh(command: string): string {
  const [file = '', ...args] = command.split(' ')
  return execFileSync(file, args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] })
}
