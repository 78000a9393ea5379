"""Shows and checks what an output holds, without changing it.

Reading order: funnel, status, history, verify, report.
"""
