"""Serializers of answers share their fields' declarations, and nothing of what they are asked."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from webapp.api.output import OutputSerializer


class Part(OutputSerializer):
    size = serializers.IntegerField()


class Whole(OutputSerializer):
    name = serializers.CharField()
    parts = Part(many=True)
    asker = serializers.SerializerMethodField()

    def get_asker(self, _: Any) -> str:
        return str(self.context["asker"])


THING = {"name": "n", "parts": [{"size": 1}, {"size": 2}]}


def test_two_at_once_answer_each_by_its_own_context() -> None:
    one, other = Whole(THING, context={"asker": "a"}), Whole(THING, context={"asker": "b"})
    assert list(one.fields) == list(other.fields)
    assert (one.data, other.data) == (THING | {"asker": "a"}, THING | {"asker": "b"})


def test_declared_fields_stay_unbound() -> None:
    assert Whole(THING, context={"asker": "a"}).data
    assert all(field.parent is None for field in Whole._declared_fields.values())
