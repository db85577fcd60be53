import { createHash, createHmac } from 'node:crypto'

const hash = (data) => createHash('sha256').update(data).digest('hex')
const hmac = (key, data) => createHmac('sha256', key).update(data).digest()

/**
 * Headers that sign a request with AWS Signature Version 4, read from the environment as every AWS SDK does.
 * `url` is a URL without query; `body` a string or bytes.
 */
export function signedHeaders(method, url, body, service, env = process.env, now = new Date()) {
  const stamp = now.toISOString().replace(/[-:]|\.\d{3}/g, '')
  const scope = `${stamp.slice(0, 8)}/${env.AWS_REGION}/${service}/aws4_request`
  const headers = {
    host: url.host,
    'x-amz-content-sha256': hash(body),
    'x-amz-date': stamp,
    ...(env.AWS_SESSION_TOKEN && { 'x-amz-security-token': env.AWS_SESSION_TOKEN }),
  }
  const names = Object.keys(headers).join(';')
  const canonical = [
    method,
    url.pathname,
    '',
    ...Object.entries(headers).map(([name, value]) => `${name}:${value}`),
    '',
    names,
    headers['x-amz-content-sha256'],
  ].join('\n')
  const toSign = ['AWS4-HMAC-SHA256', stamp, scope, hash(canonical)].join('\n')
  const key = scope.split('/').reduce((secret, part) => hmac(secret, part), `AWS4${env.AWS_SECRET_ACCESS_KEY}`)
  const signature = createHmac('sha256', key).update(toSign).digest('hex')
  return {
    ...headers,
    authorization: `AWS4-HMAC-SHA256 Credential=${env.AWS_ACCESS_KEY_ID}/${scope}, SignedHeaders=${names}, Signature=${signature}`,
  }
}
