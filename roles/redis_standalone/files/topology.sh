#!/bin/sh
# Copyright: (c) 2026, slotwise.redis contributors
# SPDX-License-Identifier: GPL-3.0-or-later

# What the scripts of every topology ask, answered for a server that is alone.

# Lines for redis.conf that only the pod itself knows.
extra_config() {
    :
}

# What is done with the directory while nobody uses it.
prepare_data() {
    :
}

# What runs beside the server.
run_beside() {
    :
}
