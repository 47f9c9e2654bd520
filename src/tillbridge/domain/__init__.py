"""The words of the field: pure values, no I/O, no clock, nothing imported from the rest of tillbridge."""
