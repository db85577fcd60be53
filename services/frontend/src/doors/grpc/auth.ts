import type { PeerCertificate } from 'node:tls'
import type { Metadata } from '@grpc/grpc-js'
import { unknownKey } from '@weft/aws'
import { type AwsError, awsError, err, isAccountId, ok, type Result } from '@weft/contracts'
import type { Catalogue } from '@weft/registry'
import { byToken } from '../../identity/bearer-token.ts'
import type { Credentials } from '../../identity/credentials.ts'
import type { Principal } from '../door.ts'

export interface AuthDeps {
  readonly catalogue: Pick<Catalogue, 'account'>
  readonly credentials: Pick<Credentials, 'authenticate'>
}

/**
 * Tells who calls, by `authorization: Bearer <accessKeyId>:<secretAccessKey>[:<sessionToken>]`, or else by the certificate
 * that the connection has proven, whose common name is the account id. A token that is present decides alone.
 */
export function authenticate(
  metadata: Metadata,
  certificate: PeerCertificate | undefined,
  deps: AuthDeps,
): Result<Principal, AwsError> {
  const tokens = metadata.get('authorization')
  if (tokens.length > 1) return err(awsError('IncompleteSignatureException', 'More than one authorization given.'))
  const [token] = tokens
  if (token !== undefined) return byToken(String(token), deps.credentials)
  if (certificate) return byCertificate(certificate, deps)
  return err(
    awsError(
      'MissingAuthenticationTokenException',
      'Missing metadata authorization: Bearer <accessKeyId>:<secretAccessKey>',
    ),
  )
}

function byCertificate(certificate: PeerCertificate, { catalogue }: AuthDeps): Result<Principal, AwsError> {
  // A certificate with two common names is read as a list.
  const name: unknown = certificate.subject?.CN
  if (typeof name !== 'string' || !isAccountId(name) || !catalogue.account(name)) return err(unknownKey)
  const arn = `arn:aws:iam::${name}:root`
  return ok({ accountId: name, arn, keyId: `certificate ${certificate.fingerprint256 ?? ''}`.trim() })
}
