import { request } from 'node:http'
import { signedHeaders } from './sigv4.mjs'

/** Sends one signed request to the S3-shaped door; resolves to the status. */
function send(method, path, body) {
  const url = new URL(path, process.env.AWS_ENDPOINT_URL)
  return new Promise((resolve, reject) => {
    const headers = { ...signedHeaders(method, url, body, 's3'), 'content-length': Buffer.byteLength(body) }
    const call = request(url, { method, headers, timeout: 10_000 }, (response) => {
      response.resume()
      response.on('end', () => resolve(response.statusCode))
      response.on('error', reject)
    })
    call.on('timeout', () => call.destroy(new Error(`${method} ${url} did not answer within 10 s`)))
    call.on('error', reject)
    call.end(body)
  })
}

/** Stores an object; makes the bucket when it is not there yet. */
export async function putObject(bucket, key, body) {
  let status = await send('PUT', `/${bucket}/${key}`, body)
  if (status === 404) {
    const made = await send('PUT', `/${bucket}`, '')
    // 409: another batch made it in the meantime.
    if (made !== 200 && made !== 409) throw new Error(`bucket ${bucket} could not be made: status ${made}`)
    status = await send('PUT', `/${bucket}/${key}`, body)
  }
  if (status !== 200) throw new Error(`object ${bucket}/${key} was refused: status ${status}`)
}
