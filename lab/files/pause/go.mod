// Copyright: (c) 2026, slotwise.redis contributors
// SPDX-License-Identifier: GPL-3.0-or-later

module slotwise.example/lab/pause

go 1.24.0
