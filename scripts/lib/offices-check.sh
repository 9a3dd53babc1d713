# shellcheck shell=bash
# Part of scripts/offices: real calls, made as the service of old made them, that show the lab to be sound.
