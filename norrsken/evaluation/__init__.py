"""Statistics on arrays: scores of predictions, bootstrap over nights, intervals, calibration."""
