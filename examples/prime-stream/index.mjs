// Streams the primes below a limit as lines of text, from the first one on, while it still looks for the next.
import { once } from 'node:events'

const mostBelow = 10_000_000
const segmentSize = 50_000

/** Primes below `limit`, a segment at a time: the sieve never holds more than one segment. */
function* primesBelow(limit) {
  const divisors = []
  for (let start = 2; start < limit; start += segmentSize) {
    const end = Math.min(start + segmentSize, limit)
    const composite = new Uint8Array(end - start)
    for (const prime of divisors) {
      if (prime * prime >= end) break
      for (let n = Math.max(prime * prime, Math.ceil(start / prime) * prime); n < end; n += prime)
        composite[n - start] = 1
    }
    const found = []
    for (let n = start; n < end; n++) {
      if (composite[n - start]) continue
      found.push(n)
      if (n * n < limit) divisors.push(n)
      // Within the first segment a new divisor still has multiples ahead.
      for (let multiple = n * n; multiple < end; multiple += n) composite[multiple - start] = 1
    }
    yield found
  }
}

export const handler = awslambda.streamifyResponse(async (event, stream) => {
  const below = Number(event.queryStringParameters?.below ?? 1_000)
  if (!Number.isInteger(below) || below < 2 || below > mostBelow) {
    const refusal = { statusCode: 400, headers: { 'content-type': 'text/plain' } }
    awslambda.HttpResponseStream.from(stream, refusal).end(`below must be a whole number from 2 to ${mostBelow}\n`)
    return
  }
  const response = { statusCode: 200, headers: { 'content-type': 'text/plain', 'cache-control': 'no-store' } }
  const out = awslambda.HttpResponseStream.from(stream, response)
  let primes = 0
  for (const found of primesBelow(below)) {
    primes += found.length
    // A reader that lags holds the search back here.
    if (!out.write(`${found.join('\n')}\n`)) await once(out, 'drain')
  }
  console.log(`${primes} primes below ${below}`)
  out.end()
})
