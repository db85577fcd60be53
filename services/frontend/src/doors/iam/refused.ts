const login = 'there is no console to log in to'
const mfa = 'there are no MFA devices'
const federation = 'identities are those of the fabric alone'
const instances = 'there are no instances'
const keys = 'access keys are the only credentials of users'

/** Operations of IAM and STS that tools know and that are not served, and why. */
export const refusedIam: Readonly<Record<string, string>> = {
  ...named(login, [
    'CreateLoginProfile',
    'GetLoginProfile',
    'UpdateLoginProfile',
    'DeleteLoginProfile',
    'ChangePassword',
  ]),
  ...named(login, ['GetAccountPasswordPolicy', 'UpdateAccountPasswordPolicy', 'DeleteAccountPasswordPolicy']),
  ...named(mfa, ['CreateVirtualMFADevice', 'DeleteVirtualMFADevice', 'EnableMFADevice', 'DeactivateMFADevice']),
  ...named(mfa, ['ResyncMFADevice', 'GetMFADevice', 'ListVirtualMFADevices']),
  ...named(federation, ['CreateSAMLProvider', 'GetSAMLProvider', 'UpdateSAMLProvider', 'DeleteSAMLProvider']),
  ...named(federation, ['ListSAMLProviders', 'CreateOpenIDConnectProvider', 'GetOpenIDConnectProvider']),
  ...named(federation, ['DeleteOpenIDConnectProvider', 'ListOpenIDConnectProviders']),
  ...named(federation, ['AddClientIDToOpenIDConnectProvider', 'UpdateOpenIDConnectProviderThumbprint']),
  ...named(instances, ['CreateInstanceProfile', 'GetInstanceProfile', 'DeleteInstanceProfile', 'ListInstanceProfiles']),
  ...named(instances, ['AddRoleToInstanceProfile', 'RemoveRoleFromInstanceProfile']),
  ...named(keys, ['UploadSSHPublicKey', 'UploadSigningCertificate', 'UploadServerCertificate']),
  ...named(keys, ['CreateServiceSpecificCredential']),
  ...named('accounts are named by an administrator', ['CreateAccountAlias', 'DeleteAccountAlias']),
}

export const refusedSts: Readonly<Record<string, string>> = named(federation, [
  'AssumeRoleWithSAML',
  'AssumeRoleWithWebIdentity',
  'GetFederationToken',
  'AssumeRoot',
])

function named(why: string, operations: readonly string[]): Readonly<Record<string, string>> {
  return Object.fromEntries(operations.map((operation) => [operation, why]))
}
