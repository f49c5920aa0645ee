"""What figures of one arm and one table share."""


class SingleArm:
    """A figure of one arm, drawn from one table; a dataclass that extends it has both fields.

    >>> from jaxmlp.evidence import LayerCurves
    >>> LayerCurves("plain", "gradient_norm").arms, LayerCurves("plain", "gradient_norm").tables
    (('plain',), ('gradient_norms',))
    """

    arm: str
    table: str

    @property
    def arms(self) -> tuple[str, ...]:
        """The one arm it shows."""
        return (self.arm,)

    @property
    def tables(self) -> tuple[str, ...]:
        """The one table it is drawn from."""
        return (self.table,)
