"""A strategy of one's own: memberships in a service that nobody else supports."""

from sym.sdk.exceptions import AccessStrategyError, CouldNotSaveError, IdentityError, IdentityNotFound
from sym.sdk.strategies import AccessStrategy
from sym.sdk.templates import ApprovalTemplateStep, get_step_output


class Members(AccessStrategy):
    def fetch_remote_identity(self, user):
        return f"member-{user.username}" if user.email else None

    def escalate(self, target_id, event):
        try:
            member = self.get_requester_identity(event)
        except (IdentityNotFound, CouldNotSaveError, IdentityError) as unknown:
            raise AccessStrategyError("NO_MEMBER", unknown.message) from unknown
        tokens = [secret.retrieve_value() for secret in self.integration.settings["secrets"]]
        return {"member": member, "target": target_id, "tokens": len(tokens)}

    def deescalate(self, target_id, event):
        return {"removed": get_step_output(ApprovalTemplateStep.ESCALATE)["member"]}
