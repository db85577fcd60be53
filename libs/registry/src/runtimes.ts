/** Runtime ids of AWS, past ones too. Source: the Runtime enumeration of the API model, August 2026. */
export const knownRuntimes: readonly string[] = [
  ...['nodejs', 'nodejs4.3', 'nodejs4.3-edge', 'nodejs6.10', 'nodejs8.10', 'nodejs10.x', 'nodejs12.x', 'nodejs14.x'],
  ...['nodejs16.x', 'nodejs18.x', 'nodejs20.x', 'nodejs22.x', 'nodejs24.x', 'nodejs26.x'],
  ...['python2.7', 'python3.6', 'python3.7', 'python3.8', 'python3.9', 'python3.10', 'python3.11', 'python3.12'],
  ...['python3.13', 'python3.14', 'python3.15'],
  ...['java8', 'java8.al2', 'java8.al2023', 'java11', 'java11.al2023', 'java17', 'java17.al2023', 'java21', 'java25'],
  ...['dotnetcore1.0', 'dotnetcore2.0', 'dotnetcore2.1', 'dotnetcore3.1', 'dotnet6', 'dotnet8', 'dotnet10'],
  ...['ruby2.5', 'ruby2.7', 'ruby3.2', 'ruby3.3', 'ruby3.4', 'ruby4.0', 'go1.x'],
  ...['provided', 'provided.al2', 'provided.al2023'],
]

/**
 * What an operator can do so that a worker offers a runtime, as a sentence; undefined for what is no runtime of a language
 * that Weft serves. Workers look for their runtimes when they start.
 */
export function howToOffer(runtime: string): string | undefined {
  const [, language = '', release = ''] = /^([a-z]+)([\d.]*?)(\.x|\.al2|\.al2023)?$/.exec(runtime) ?? []
  const install = (what: string): string =>
    `No worker offers ${runtime}: install ${what} on the host of a worker and restart the worker.`
  switch (language) {
    case 'nodejs':
      return install(`Node.js ${release} as /usr/local/bin/node`)
    case 'python':
      return install(`Python ${release} as /usr/bin/python${release} (the Debian package python${release})`)
    case 'ruby':
      return install(`Ruby ${release} as /usr/bin/ruby${release} (the Debian package ruby${release})`)
    case 'java':
      return Number.parseInt(release, 10) < 17
        ? `No worker offers ${runtime}: Java is served from java17 on.`
        : install(`a JDK ${release} below /usr/lib/jvm (the Debian package openjdk-${release}-jdk-headless)`)
    case 'go':
      return `No worker offers ${runtime}: compile to a program named bootstrap and use provided.al2023.`
    case 'dotnet':
    case 'dotnetcore':
      return `No worker offers ${runtime}: package the program with all it needs as bootstrap and use provided.al2023.`
    default:
      return undefined
  }
}
