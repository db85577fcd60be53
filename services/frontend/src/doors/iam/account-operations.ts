import { ok } from '@weft/contracts'
import { iamQuotas, isServiceLinked } from '@weft/policy'
import type { IamOperations } from './call.ts'

/** What is told of an account as a whole. IAM API reference. */
export const accountOperations: IamOperations = {
  // Tools ask for the alias of an account to greet with it; accounts here have their number and an administrator's name.
  ListAccountAliases: { resource: () => '*', run: () => ok({ AccountAliases: {}, IsTruncated: false }) },
  GetAccountSummary: {
    resource: () => '*',
    run({ account, identities }) {
      const figures = {
        Users: identities.users(account).length,
        UsersQuota: iamQuotas.usersPerAccount,
        Groups: identities.groups(account).length,
        GroupsQuota: iamQuotas.groupsPerAccount,
        GroupsPerUserQuota: iamQuotas.groupsPerUser,
        Roles: identities.roles(account).filter((role) => !isServiceLinked(role)).length,
        RolesQuota: iamQuotas.rolesPerAccount,
        Policies: identities.policies(account).length,
        PoliciesQuota: iamQuotas.policiesPerAccount,
        PolicySizeQuota: iamQuotas.managedPolicyCharacters,
        VersionsPerPolicyQuota: iamQuotas.policyVersions,
        AccessKeysPerUserQuota: iamQuotas.accessKeysPerUser,
        MFADevices: 0,
        Providers: 0,
      }
      return ok({ SummaryMap: { entry: Object.entries(figures).map(([key, value]) => ({ key, value })) } })
    },
  },
}
