import { putObject } from './bucket.mjs'
import { normalise } from './normalise.mjs'

/** One batch of the stream in, one object of the ledger out. A record that is not a package fails the batch. */
export const handler = async (event) => {
  const sources = event.Records.map((record) => record.jetstream)
  const packages = sources.map(({ data }) => normalise(JSON.parse(Buffer.from(data, 'base64').toString('utf8'))))
  const first = sources[0].sequenceNumber
  const last = sources.at(-1).sequenceNumber
  const bytes = packages.reduce((sum, one) => sum + one.bytes, 0)
  await putObject(
    process.env.BUCKET ?? 'package-ledger',
    `batches/${first.padStart(12, '0')}-${last.padStart(12, '0')}.json`,
    JSON.stringify({ first, last, count: packages.length, bytes, packages }),
  )
  console.log(`${packages.length} packages, ${bytes} bytes, records ${first} to ${last}`)
  return { batchItemFailures: [] }
}
