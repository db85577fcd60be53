/** IAM user guide, "IAM and AWS STS quotas"; sizes in characters without white space. */
export const iamQuotas = {
  trustPolicyCharacters: 2_048,
  inlinePolicyCharacters: { role: 10_240, user: 2_048, group: 5_120 },
  managedPolicyCharacters: 6_144,
  attachedPolicies: 10,
  policyVersions: 5,
  accessKeysPerUser: 2,
  tags: 50,
  rolesPerAccount: 1_000,
  usersPerAccount: 5_000,
  groupsPerAccount: 300,
  groupsPerUser: 10,
  policiesPerAccount: 1_500,
  sessionSeconds: { min: 3_600, max: 43_200 },
  sessionPolicyCharacters: 2_048,
} as const
