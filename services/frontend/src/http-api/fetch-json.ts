const timeoutMs = 5_000
const mostBytes = 1024 * 1024

/**
 * Fetches documents of token issuers, which tenants name: only by https, or from origins that the operator lists; no
 * redirects; little and in time.
 */
export const issuerFetch =
  (origins: readonly string[]) =>
  async (url: string): Promise<unknown> => {
    if (!url.startsWith('https://') && !origins.includes(new URL(url).origin))
      throw new Error(`an issuer must be reached by https: ${url}`)
    const response = await fetch(url, { redirect: 'error', signal: AbortSignal.timeout(timeoutMs) })
    if (!response.ok || !response.body) throw new Error(`${url} answered ${response.status}`)
    const chunks: Uint8Array[] = []
    let bytes = 0
    for await (const chunk of response.body) {
      bytes += chunk.byteLength
      if (bytes > mostBytes) throw new Error(`${url} answered more than ${mostBytes} bytes`)
      chunks.push(chunk)
    }
    return JSON.parse(Buffer.concat(chunks).toString('utf8'))
  }
